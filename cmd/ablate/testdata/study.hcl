study "tiny" {}

variable "corpus" {
  type    = string
  default = "text.txt"
}

data "text" "corpus" {
  source = [var.corpus]
}

model "llama" "tiny" {
  layers = 1
  width  = 8
  heads  = 2
}

norm "rmsnorm" "base" {}

norm "dyt" "tanh" {
  alpha = 0.5
}

optimizer "adamw" "base" {
  learning_rate = 0.01
}

optimizer "muon" "base" {}

train "lm" "main" {
  matrix {
    norm      = [norm.rmsnorm.base, norm.dyt.tanh]
    optimizer = [optimizer.adamw.base, optimizer.muon.base]
    seed      = [1, 2]
  }

  data  = data.text.corpus
  model = model.llama.tiny
  steps = 3

  batch {
    sequences = 2
    length    = 8
  }

  evaluate {
    every   = 2
    batches = 2
  }
}

analysis "factorial" "effects" {
  trials = train.lm.main
}
