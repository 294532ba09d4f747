study "activations" {
  description = "Which activation of the feed-forward layer learns fastest?"
}

variable "corpus" {
  type        = string
  description = "A text file, a folder or a glob; at least 1 MB of text."
}

data "text" "corpus" {
  source = [var.corpus]

  split {
    validation = 0.05
  }
}

# The feed-forward layers have 33,792 parameters each, with a gate or without.
locals {
  ffn = {
    gated   = 176
    ungated = 264
  }
}

model "llama" "swiglu" {
  label       = "SwiGLU"
  layers      = 3
  width       = 64
  heads       = 2
  ffn         = local.ffn.gated
  embed_scale = true
  init_std    = 0.11
  activation  = silu(gate) * up
}

model "llama" "geglu" {
  label       = "GeGLU"
  layers      = 3
  width       = 64
  heads       = 2
  ffn         = local.ffn.gated
  embed_scale = true
  init_std    = 0.11
  activation  = gelu(gate) * up
}

model "llama" "relu2" {
  label       = "ReLU²"
  layers      = 3
  width       = 64
  heads       = 2
  ffn         = local.ffn.ungated
  embed_scale = true
  init_std    = 0.11
  activation  = square(relu(up))
}

norm "rmsnorm" "base" {}

optimizer "adamw" "base" {
  learning_rate = 0.01
}

train "lm" "main" {
  matrix {
    model = [model.llama.swiglu, model.llama.geglu, model.llama.relu2]
    seed  = [42, 43, 44, 45, 46]
  }

  data      = data.text.corpus
  norm      = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
  steps     = 300

  batch {
    sequences = 8
    length    = 64
  }

  schedule "cosine" {
    warmup = 30
  }
}

analysis "factorial" "activations" {
  label  = "Activations"
  trials = train.lm.main
}
