study "rates" {
  description = "Which norm is better, if each may choose its learning rate?"
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

model "llama" "tiny" {
  layers      = 3
  width       = 64
  heads       = 2
  embed_scale = true
  init_std    = 0.11
}

norm "rmsnorm" "base" {
  label = "RMSNorm"
}

norm "dyt" "base" {
  label = "DyT"
}

optimizer "adamw" "rate" {
  for_each      = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032]
  label         = "lr ${each.value}"
  learning_rate = each.value
}

train "lm" "main" {
  matrix {
    norm      = [norm.rmsnorm.base, norm.dyt.base]
    optimizer = optimizer.adamw.rate
    seed      = [42, 43, 44]
  }

  data  = data.text.corpus
  model = model.llama.tiny
  steps = 150

  batch {
    sequences = 8
    length    = 64
  }

  schedule "cosine" {
    warmup = 15
  }
}

# The norms at each rate.
analysis "factorial" "shared" {
  label  = "The same rate for both"
  trials = train.lm.main
}

# The norms, each at the rate that is best for it.
analysis "factorial" "tuned" {
  label  = "Each at its best rate"
  trials = train.lm.main
  tune   = ["optimizer"]
}
