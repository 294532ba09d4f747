study "taper" {
  description = "What does it cost to fade a norm out during training?"
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

# 1 / rms(x), averaged while t falls from 1 to 0 in 150 steps, takes the place of the norm.
norm "formula" "taper" {
  parameter "gamma" {
    shape = "width"
    start = 1
  }

  running "t" {
    start = 1
    next  = max(0, t - 1 / 150)
  }

  running "scale" {
    start = 1
    of    = mean_all(1 / (rms(x) + 1e-5))
    next  = t > 0 ? 0.9 * scale + 0.1 * seen : scale
  }

  y = gamma * x * (t / (rms(x) + 1e-5) + (1 - t) * scale)
}

# The norm of arXiv 2602.10408, which is built in. It leaves the final norm alone.
norm "tapernorm" "paper" {
  label  = "TaperNorm"
  warmup = 50
  taper  = 100
  decay  = 0.9
}

optimizer "adamw" "base" {
  learning_rate = 0.01
}

train "lm" "main" {
  matrix {
    norm = [norm.rmsnorm.base, norm.formula.taper, norm.tapernorm.paper]
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
  label  = "Norms"
  trials = train.lm.main
}
