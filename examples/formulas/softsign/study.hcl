study "softsign" {
  description = "Does a norm by softsign learn as well as one by tanh or erf?"
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

norm "derf" "base" {
  label = "Derf"
}

norm "formula" "softsign" {
  label = "softsign"

  parameter "alpha" {
    start = 0.5
    track = true
  }

  parameter "gamma" {
    shape = "width"
    start = 1
  }

  parameter "beta" {
    shape = "width"
  }

  let {
    u = alpha * x
  }

  argument        = u
  saturated_above = 99
  y               = gamma * (u / (1 + abs(u))) + beta
}

optimizer "adamw" "base" {
  learning_rate = 0.01
}

train "lm" "main" {
  matrix {
    norm = [norm.rmsnorm.base, norm.dyt.base, norm.derf.base, norm.formula.softsign]
    seed = [42, 43, 44, 45, 46]
  }

  data      = data.text.corpus
  model     = model.llama.tiny
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

analysis "factorial" "norms" {
  label    = "Norms"
  trials   = train.lm.main
  baseline = { norm = norm.formula.softsign }
}

analysis "report" "page" {
  title    = "Does a norm by softsign learn as well as one by tanh or erf?"
  analyses = [analysis.factorial.norms]
}
