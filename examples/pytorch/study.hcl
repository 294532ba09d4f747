study "pytorch" {
  description = "A factorial over a training script in Python."
}

variable "corpus" {
  type        = string
  description = "A text file, a folder or a glob."
}

variable "script" {
  type        = string
  default     = "train.py"
  description = "train.py needs PyTorch, plain.py nothing but Python."
}

variable "steps" {
  type    = number
  default = 200
}

data "text" "corpus" {
  source = [var.corpus]
}

train "command" "lm" {
  matrix {
    norm      = ["layer", "tanh"]
    optimizer = ["sgd", "momentum"]
    seed      = [1, 2, 3]
  }

  argv   = ["python3", var.script]
  files  = [var.script]
  inputs = [data.text.corpus]

  parameters = {
    norm      = matrix.norm
    optimizer = matrix.optimizer
    seed      = matrix.seed
    steps     = var.steps
  }
}

analysis "factorial" "coupling" {
  trials = train.command.lm
}

analysis "table" "trials" {
  trials = train.command.lm
}
