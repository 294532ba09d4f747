study "published" {
  description = "The numbers of arXiv 2604.01563, analysed again."
}

variable "seeds" {
  type        = string
  default     = "seeds.csv"
  description = "Validation loss of every run of tables 1 and 7."
}

data "results" "seeds" {
  source    = [var.seeds]
  factors   = ["norm", "optimizer"]
  replicate = "seed"
}

data "results" "lambda" {
  source  = ["lambda.csv"]
  factors = ["lambda"]
}

data "results" "rates" {
  source  = ["rates.csv"]
  factors = ["norm", "learning_rate"]
}

# Tables 1 and 8: does the gap of a norm depend on the optimizer?
analysis "factorial" "coupling" {
  label  = "Does the gap of a norm depend on the optimizer?"
  trials = data.results.seeds
  baseline = {
    norm      = "rmsnorm"
    optimizer = "adamw"
  }

  only {
    factor = "norm"
    levels = ["rmsnorm", "derf", "dyt"]
  }
}

# The last rows of table 8: Derf with a smaller alpha.
analysis "factorial" "alpha" {
  label  = "Derf with a smaller α"
  trials = data.results.seeds
  baseline = {
    norm      = "rmsnorm"
    optimizer = "adamw"
  }

  only {
    factor = "norm"
    levels = ["rmsnorm", "derf", "derf-alpha-0.3"]
  }
}

# Table 4: what wins back Derf's gap under Muon?
analysis "recovery" "recovery" {
  label    = "What wins back the gap of Derf under Muon?"
  trials   = data.results.seeds
  factor   = "norm"
  lost     = "derf"
  baseline = "rmsnorm"
  where = {
    optimizer = "muon"
  }
}

# Table 5: the share of x / σ in the blend, under Muon.
analysis "dose" "lambda" {
  label     = "The share of x / σ in the blend"
  trials    = data.results.lambda
  factor    = "lambda"
  reference = 3.322 # RMSNorm under Muon
}

# Table 12: Muon's learning rate, one seed.
analysis "factorial" "rates" {
  trials = data.results.rates
  baseline = {
    norm          = "rmsnorm"
    learning_rate = 0.02
  }
}

analysis "report" "page" {
  title    = "Derf and Muon, analysed again"
  text     = "Every number of arXiv 2604.01563 that its tables give by seed, through ablate."
  analyses = [analysis.factorial.coupling, analysis.factorial.alpha, analysis.recovery.recovery, analysis.dose.lambda]
}
