study "factor-named-row" {}
data "results" "runs" {
  source = ["runs.csv"]
  factors = ["row"]
  responses = ["y"]
}
analysis "factorial" "f" {
  trials = data.results.runs
  response = "y"
}
