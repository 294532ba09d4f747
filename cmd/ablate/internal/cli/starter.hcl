study "starter" {
  description = "Does the gap between two norms depend on the optimizer?"
}

variable "corpus" {
  type        = string
  description = "A text file, a folder or a glob; at least 1 MB of text."
}

data "text" "corpus" {
  source = [var.corpus]
}

model "llama" "small" {
  layers      = 2
  width       = 48
  heads       = 4
  embed_scale = true
}

norm "rmsnorm" "base" {
  label = "RMSNorm"
}

norm "dyt" "tanh" {
  label = "DyT"
  alpha = 0.5
}

optimizer "adamw" "base" {
  label         = "AdamW"
  learning_rate = 3e-3
}

optimizer "muon" "base" {
  label         = "Muon"
  learning_rate = 0.02

  adamw {
    learning_rate = 3e-3
  }
}

train "lm" "main" {
  matrix {
    norm      = [norm.rmsnorm.base, norm.dyt.tanh]
    optimizer = [optimizer.adamw.base, optimizer.muon.base]
    seed      = [1, 2]
  }

  data  = data.text.corpus
  model = model.llama.small
  steps = 200

  batch {
    sequences = 8
    length    = 64
  }

  schedule "cosine" {
    warmup = 20
  }

  evaluate {
    every = 50
  }
}

analysis "factorial" "effects" {
  trials   = train.lm.main
  response = "val_loss"
}
