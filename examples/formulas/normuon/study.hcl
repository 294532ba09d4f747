study "normuon" {
  description = "Does a step for each row help Muon?"
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

norm "rmsnorm" "base" {}

optimizer "muon" "base" {
  label = "Muon"

  adamw {
    learning_rate = 3e-3
  }
}

# arXiv 2510.05491, with the norm of the direction kept.
optimizer "formula" "normuon" {
  learning_rate = 0.02

  rule "matrix" {
    state "m" {
      next = 0.95 * m + 0.05 * gradient
    }

    state "v" {
      shape = "rows"
      next  = 0.95 * v + 0.05 * mean_columns(o * o)
    }

    let {
      o = newton_schulz(0.05 * gradient + 0.95 * next.m, 5)
      d = o / (sqrt(next.v) + 1e-10)
    }

    value = value - learning_rate * sqrt(max(1, rows / columns)) * d * (norm_all(o) / norm_all(d))
  }

  adamw {
    learning_rate = 3e-3
  }
}

train "lm" "main" {
  matrix {
    optimizer = [optimizer.muon.base, optimizer.formula.normuon]
    seed      = [42, 43, 44, 45, 46]
  }

  data  = data.text.corpus
  model = model.llama.tiny
  norm  = norm.rmsnorm.base
  steps = 300

  batch {
    sequences = 8
    length    = 64
  }

  schedule "cosine" {
    warmup = 30
  }
}

analysis "factorial" "optimizers" {
  label  = "Optimizers"
  trials = train.lm.main
}
