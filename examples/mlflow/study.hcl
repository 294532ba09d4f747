study "mlflow" {
  description = "Does momentum help small batches as much as large ones? Runs of MLflow."
}

data "results" "moons" {
  source    = ["mlruns"]
  factors   = ["momentum", "batch"]
  replicate = "seed"
  responses = ["val_loss"]

  columns = {
    val_loss = "val/loss"
  }
}

analysis "factorial" "momentum" {
  trials   = data.results.moons
  baseline = { momentum = "0", batch = "8" }
}
