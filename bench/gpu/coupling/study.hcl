study "coupling-gpu" {
  description = "Does the optimizer care how you normalize? At 124 million parameters, on one GPU."
}

variable "text" {
  type        = string
  default     = "text.txt"
  description = "A text file; scripts/gpu-study lays it beside this file."
}

variable "tokenizer" {
  type    = string
  default = "gpt2"
}

variable "backend" {
  type    = string
  default = "xla:cuda"
}

variable "attention" {
  type        = string
  default     = "cudnn"
  description = "\"plain\" or \"flash\" for other backends."
}

variable "size" {
  type        = string
  default     = "124m"
  description = "A preset of model llama."
}

variable "steps" {
  type    = number
  default = 300
}

variable "sequences" {
  type    = number
  default = 16
}

variable "length" {
  type    = number
  default = 1024
}

variable "seeds" {
  type    = list(number)
  default = [42, 43, 44]
}

data "text" "text" {
  source    = [var.text]
  tokenizer = var.tokenizer
}

model "llama" "llama" {
  preset    = var.size
  attention = var.attention
}

norm "rmsnorm" "base" {
  label = "RMSNorm"
}

norm "derf" "paper" {
  label = "Derf"
  alpha = 0.5
}

# The two arms that win the gap of Derf under Muon back, in arXiv 2604.01563.
norm "derf" "low" {
  label = "Derf, α = 0.3"
  alpha = 0.3
}

norm "derf" "ema" {
  label = "Derf, EMA-blend"
  alpha = 0.5

  ema_blend {
    lambda = 0.9
  }
}

norm "dyt" "paper" {
  label = "DyT"
  alpha = { attention = 0.5, ffn = 0.3, final = 0.5 }
}

# As in arXiv 2604.01563, but for AdamW's rate, which is GPT-2's usual one at
# this size. Nothing was tuned.
optimizer "adamw" "paper" {
  label         = "AdamW"
  learning_rate = 6e-4
  weight_decay  = 0.1
}

optimizer "muon" "paper" {
  label         = "Muon"
  learning_rate = 0.02

  adamw {
    learning_rate = 6e-4
  }
}

train "lm" "main" {
  matrix {
    norm      = [norm.rmsnorm.base, norm.derf.paper, norm.dyt.paper]
    optimizer = [optimizer.adamw.paper, optimizer.muon.paper]
    seed      = var.seeds
  }

  include {
    norm      = norm.derf.low
    optimizer = optimizer.muon.paper
  }

  include {
    norm      = norm.derf.ema
    optimizer = optimizer.muon.paper
  }

  data      = data.text.text
  model     = model.llama.llama
  steps     = var.steps
  clip_norm = 1.0
  precision = "bf16"
  backend   = var.backend

  batch {
    sequences = var.sequences
    length    = var.length
  }

  schedule "cosine" {
    warmup = floor(var.steps / 10)
  }

  checkpoint {
    keep = "none"
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

analysis "recovery" "arms" {
  label    = "What the two arms win back under Muon"
  trials   = train.lm.main
  response = "val_loss"
  factor   = "norm"
  lost     = norm.derf.paper
  baseline = norm.rmsnorm.base
  where    = { optimizer = optimizer.muon.paper }
}

analysis "mechanism" "saturation" {
  label  = "Share of saturated elements before the feed-forward layers"
  trials = train.lm.main
}

analysis "table" "trials" {
  label    = "All trials"
  trials   = train.lm.main
  response = "val_loss"
}

analysis "report" "page" {
  title    = "Does the optimizer care how you normalize?"
  text     = "Three norms, two optimizers and two arms, on a GPU, at rates that were not tuned."
  analyses = [analysis.factorial.coupling, analysis.recovery.arms, analysis.mechanism.saturation, analysis.table.trials]
}
