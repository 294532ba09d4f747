study "slurm" {
  description = "Does LayerNorm matter more in a deeper network? A script in PyTorch, on Slurm."
}

variable "executor" {
  type        = string
  default     = "local"
  description = "An executor of your configuration, such as one of type slurm."
}

variable "processes" {
  type        = number
  default     = 1
  description = "Processes of a trial."
}

train "command" "student" {
  matrix {
    norm  = ["none", "layer"]
    depth = [2, 8]
    seed  = [1, 2, 3]
  }

  argv  = concat(var.processes == 1 ? ["python3"] : ["torchrun", "--standalone", "--nproc_per_node=${var.processes}"], ["train.py"])
  files = ["train.py"]
  flags = "argparse"

  parameters = {
    norm  = matrix.norm
    depth = matrix.depth
    seed  = matrix.seed
    steps = 400
  }

  metrics = {
    stdout = "step (?P<step>\\d+) val_loss=(?P<val_loss>\\S+)"
  }

  runtime {
    executor = var.executor
    timeout  = "10m"
    retries  = 1

    resources {
      cpus   = var.processes
      memory = "2G"
    }
  }
}

analysis "factorial" "depth" {
  trials = train.command.student
}

# The same question of results that were trained before, for machines without PyTorch.
data "results" "shipped" {
  source    = ["results.csv"]
  factors   = ["norm", "depth"]
  replicate = "seed"
}

analysis "factorial" "shipped" {
  trials = data.results.shipped
}
