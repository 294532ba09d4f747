study "stack" {
  description = "Which parts of a recipe does it need? Each is left out once."
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

model "llama" "scaled" {
  layers      = 3
  width       = 64
  heads       = 2
  embed_scale = true
  init_std    = 0.11
}

model "llama" "plain" {
  layers   = 3
  width    = 64
  heads    = 2
  init_std = 0.11
}

norm "rmsnorm" "base" {}

optimizer "adamw" "decayed" {
  learning_rate = 0.01
  weight_decay  = 0.1
}

optimizer "adamw" "plain" {
  learning_rate = 0.01
  weight_decay  = 0
}

train "lm" "main" {
  matrix {
    without = ["nothing", "embed_scale", "qk_norm", "weight_decay", "clipping", "warmup", "decay"]
    seed    = [42, 43, 44, 45, 46]
  }

  override {
    when = matrix.without == "qk_norm"
    norm = norm.rmsnorm.base
  }

  data      = data.text.corpus
  model     = matrix.without == "embed_scale" ? model.llama.plain : model.llama.scaled
  optimizer = matrix.without == "weight_decay" ? optimizer.adamw.plain : optimizer.adamw.decayed
  clip_norm = matrix.without == "clipping" ? 0 : 1
  steps     = 150

  norm = {
    qk        = norm.rmsnorm.base
    attention = norm.rmsnorm.base
    ffn       = norm.rmsnorm.base
    final     = norm.rmsnorm.base
  }

  batch {
    sequences = 8
    length    = 64
  }

  schedule "cosine" {
    warmup = matrix.without == "warmup" ? 0 : 15
    floor  = matrix.without == "decay" ? 1 : 0
  }
}

analysis "factorial" "parts" {
  trials   = train.lm.main
  baseline = { without = "nothing" }
}
