study "track3" {
  description = "The final losses of modded-nanogpt's optimizer track, compared."
}

data "results" "track3" {
  source  = ["track3.csv"]
  factors = ["result", "steps"]
}

# The benchmark's rule: the mean is below 3.28 and (3.28 - mean) * sqrt(n) is at least 0.004.
analysis "command" "rule" {
  trials  = data.results.track3
  command = ["python3", "rule.py"]
  files   = ["rule.py"]
}

data "results" "losses" {
  source  = ["track3.csv"]
  factors = ["result"]
}

# Results of equal length can be compared by their losses. Runs of different results share nothing, so nothing is paired.
analysis "factorial" "steps_3125" {
  label  = "Four results of 3125 steps"
  trials = data.results.losses
  error  = "separate"
  margin = 0.001
  baseline = {
    result = "r39"
  }

  only {
    factor = "result"
    levels = ["r39", "r16", "r19", "r27"]
  }
}

analysis "factorial" "steps_3175" {
  label  = "Three results of 3175 steps"
  trials = data.results.losses
  error  = "separate"
  margin = 0.001
  baseline = {
    result = "r28"
  }

  only {
    factor = "result"
    levels = ["r28", "r17", "r24"]
  }
}

analysis "factorial" "steps_3250" {
  label  = "Five results of 3250 steps"
  trials = data.results.losses
  error  = "separate"
  margin = 0.001
  baseline = {
    result = "r10"
  }

  only {
    factor = "result"
    levels = ["r10", "r8", "r9", "r36", "r37"]
  }
}

# A result of fewer steps beats one of more steps if its loss is not worse.
analysis "factorial" "shorter" {
  label     = "Is the loss after fewer steps as low as after 2900?"
  trials    = data.results.losses
  error     = "separate"
  margin    = 0.001
  direction = "not worse"
  baseline = {
    result = "r38"
  }

  only {
    factor = "result"
    levels = ["r38", "r40", "r42", "r43", "r44", "r45"]
  }
}
