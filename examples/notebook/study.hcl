study "notebook" {
  description = "A small study whose results a notebook reads."
}

train "command" "quadratic" {
  matrix {
    momentum = [0, 0.5]
    seed     = [1, 2, 3, 4, 5]
  }

  argv  = ["python3", "train.py"]
  files = ["train.py"]

  parameters = {
    momentum = matrix.momentum
    seed     = matrix.seed
  }
}

analysis "factorial" "momentum" {
  trials = train.command.quadratic
}
