study "only-as-written" {}
data "results" "runs" {
  source = ["runs.csv"]
  factors = ["lr"]
  replicate = "seed"
  responses = ["y"]
}
analysis "factorial" "f" {
  trials = data.results.runs
  response = "y"
  only {
    factor = "lr"
    levels = ["0.00001", "0.001"]
  }
}
