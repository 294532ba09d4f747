study "zloss" {
  description = "Does the effect of the z-loss depend on the norm?"
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

optimizer "adamw" "base" {
  learning_rate = 0.01
}

train "lm" "main" {
  matrix {
    z    = [0, 1e-4, 1e-2]
    norm = [norm.rmsnorm.base, norm.dyt.base]
    seed = [42, 43, 44]
  }

  data      = data.text.corpus
  model     = model.llama.tiny
  optimizer = optimizer.adamw.base
  steps     = 300
  loss      = matrix.z > 0 ? cross_entropy + matrix.z * square(log_z) : cross_entropy

  batch {
    sequences = 8
    length    = 64
  }

  schedule "cosine" {
    warmup = 30
  }
}

analysis "factorial" "zloss" {
  label  = "z-loss and norm"
  trials = train.lm.main
}
