study "seven-digits" {}
data "results" "runs" {
  source = ["runs.csv"]
  factors = ["batch"]
  replicate = "seed"
  responses = ["y"]
}
analysis "factorial" "f" {
  trials = data.results.runs
  response = "y"
  baseline = {
    batch = 1048576
  }
}
