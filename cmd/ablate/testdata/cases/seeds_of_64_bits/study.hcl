study "seeds-of-64-bits" {}
data "results" "runs" {
  source = ["runs.csv"]
  factors = ["a"]
  replicate = "seed"
  responses = ["y"]
}
analysis "factorial" "f" {
  trials = data.results.runs
  response = "y"
}
