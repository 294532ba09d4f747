study "nan-from-python" {}
data "results" "runs" {
  source = ["runs.jsonl"]
  factors = ["a"]
  replicate = "seed"
  responses = ["y"]
}
analysis "factorial" "f" {
  trials = data.results.runs
  response = "y"
}
