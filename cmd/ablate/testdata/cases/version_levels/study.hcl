study "version-levels" {}
data "results" "runs" {
  source = ["runs.csv"]
  factors = ["torch"]
  responses = ["y"]
}
analysis "factorial" "f" {
  trials = data.results.runs
  response = "y"
}
