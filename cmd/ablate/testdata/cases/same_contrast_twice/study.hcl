study "same-contrast-twice" {}
data "results" "runs" {
  source = ["runs.csv"]
  factors = ["a", "opt"]
  replicate = "seed"
  responses = ["y"]
}
analysis "factorial" "f" {
  trials = data.results.runs
  response = "y"
}
