study "factor-named-seed" {}
data "results" "runs" {
  source = ["runs.csv"]
  factors = ["seed", "a"]
  replicate = "run"
  responses = ["y"]
}
analysis "factorial" "f" {
  trials = data.results.runs
  response = "y"
  baseline = {
    seed = "z"
  }
}
