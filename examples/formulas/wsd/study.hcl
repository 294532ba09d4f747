study "wsd" {
  description = "Is a short decay at the end as good as a cosine?"
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

optimizer "adamw" "base" {
  learning_rate = 0.01
}

# The factor decay is the number of steps over which the learning rate falls to 0 at the end; 0 stands for half a cosine.
train "lm" "main" {
  matrix {
    decay = [0, 60, 150]
    seed  = [42, 43, 44, 45, 46]
  }

  data      = data.text.corpus
  model     = model.llama.tiny
  norm      = norm.rmsnorm.base
  optimizer = optimizer.adamw.base
  steps     = 300

  batch {
    sequences = 8
    length    = 64
  }

  schedule "formula" {
    let {
      warmup = min((step + 1) / 30, 1)
      cosine = 0.5 * (1 + cos(pi * max(step - 30, 0) / (steps - 30)))
      line   = min((steps - step) / max(matrix.decay, 1), 1)
    }

    multiplier = warmup * (matrix.decay > 0 ? line : cosine)
  }
}

analysis "factorial" "schedules" {
  label  = "Schedules"
  trials = train.lm.main
}
