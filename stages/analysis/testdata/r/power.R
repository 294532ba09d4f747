# The power of a paired t test, and of two one-sided tests at a true difference of
# 0, in a family of two: Rscript power.R writes the numbers of ../../power/power_test.go.
tost <- function(n, sd, margin, alpha = 0.05) {
  se <- sd / sqrt(n); df <- n - 1; crit <- qt(1 - alpha, df)
  f <- function(s) (2 * pnorm(margin / se - crit * s) - 1) * 2 * s * df * dchisq(df * s^2, df)
  integrate(f, 0, margin / se / crit, rel.tol = 1e-12)$value
}
for (n in c(3, 5, 10)) {
  cat(sprintf("{%d, %.12g, %.12g, %.12g},\n", n, qt(.975, n - 1) / sqrt(n),
    power.t.test(n = n, delta = 1.5, sd = 1, type = "one.sample", strict = TRUE, tol = 1e-12)$power,
    tost(n, 1, 1.5, 0.05 / 2)))
}
