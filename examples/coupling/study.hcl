study "coupling" {
  description = "Does the optimizer care how you normalize?"
}

variable "corpus" {
  type        = string
  description = "A text file, a folder or a glob; at least 1 MB of text."
}

variable "steps" {
  type        = number
  default     = 160
  description = "Training steps of each trial; at least 20."

  validation {
    condition     = var.steps >= 20
    error_message = "The schedule needs at least 20 steps."
  }
}

variable "seeds" {
  type        = list(number)
  default     = [42, 43, 44]
  description = "One replicate of every cell for each."
}

data "text" "corpus" {
  source    = [var.corpus]
  tokenizer = "bytes"

  split {
    validation = 0.05
  }
}

model "llama" "tiny" {
  layers      = 3
  width       = 64
  heads       = 2
  embed_scale = true
  init_std    = 0.11 # 0.02 at the paper's width of 2048, scaled by the root of the widths' ratio
}

norm "rmsnorm" "base" {
  label = "RMSNorm"
}

norm "derf" "paper" {
  label = "Derf"
  alpha = 0.5
}

norm "dyt" "paper" {
  label = "DyT"
  alpha = 0.5
}

optimizer "adamw" "paper" {
  label         = "AdamW"
  learning_rate = 0.01
  weight_decay  = 0.1
}

optimizer "muon" "paper" {
  label         = "Muon"
  learning_rate = 0.02

  adamw {
    learning_rate = 3e-3
  }
}

train "lm" "main" {
  matrix {
    norm      = [norm.rmsnorm.base, norm.derf.paper, norm.dyt.paper]
    optimizer = [optimizer.adamw.paper, optimizer.muon.paper]
    seed      = var.seeds
  }

  data      = data.text.corpus
  model     = model.llama.tiny
  steps     = var.steps
  clip_norm = 1.0
  backend   = "go"

  batch {
    sequences = 8
    length    = 64
  }

  schedule "cosine" {
    warmup = floor(var.steps / 10)
  }

  evaluate {
    every   = 100
    batches = 16
  }
}

analysis "factorial" "coupling" {
  label    = "Norm and optimizer"
  trials   = train.lm.main
  response = "val_loss"
  baseline = {
    norm      = norm.rmsnorm.base
    optimizer = optimizer.adamw.paper
  }
}

analysis "table" "trials" {
  label    = "All trials"
  trials   = train.lm.main
  response = "val_loss"
}

analysis "report" "page" {
  title    = "Does the optimizer care how you normalize?"
  text     = "Three norms, two optimizers, three seeds, on two cores."
  analyses = [analysis.factorial.coupling, analysis.table.trials]
}
