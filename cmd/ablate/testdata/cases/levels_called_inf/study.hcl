study "levels-called-inf" {}
data "results" "runs" {
  source = ["runs.csv"]
  factors = ["norm"]
  replicate = "seed"
  responses = ["y"]
}
analysis "factorial" "f" {
  trials = data.results.runs
  response = "y"
  baseline = {
    norm = "inf"
  }
}
