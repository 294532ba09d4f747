# Makes the designs and the answers that the tests compare with, by R alone:
#   Rscript make.R        (R 4.2, base and stats only)
options(digits = 15, contrasts = c("contr.sum", "contr.poly"))
set.seed(20260404)

line <- function(design, kind, name, field, value)
  cat(sprintf("%s,%s,%s,%s,%.12g\n", design, kind, name, field, value), file = "answers.csv", append = TRUE)
cat("design,kind,name,field,value\n", file = "answers.csv")

# A design is a data frame with factors, replicate r and response y.
save <- function(design, d) {
  d$y <- round(d$y, 6)
  write.csv(d, paste0(design, ".csv"), row.names = FALSE, quote = FALSE)
  d
}

# Type II sums of squares by comparing models; blocks enter every model.
typeII <- function(design, d, factors, block = NULL) {
  terms <- attr(terms(as.formula(paste("y ~", paste(factors, collapse = "*")))), "term.labels")
  sets <- strsplit(terms, ":")
  fit <- function(keep) {
    rhs <- c(block, terms[keep])
    lm(as.formula(paste("y ~", if (length(rhs)) paste(rhs, collapse = "+") else "1")), data = d)
  }
  rss <- function(m) sum(resid(m)^2)
  full <- fit(rep(TRUE, length(terms)))
  ms <- rss(full) / df.residual(full)
  total <- sum((d$y - mean(d$y))^2)
  for (i in seq_along(terms)) {
    without <- !sapply(sets, function(s) all(sets[[i]] %in% s))
    with <- without; with[i] <- TRUE
    a <- fit(without); b <- fit(with)
    ss <- rss(a) - rss(b); df <- df.residual(a) - df.residual(b)
    f <- ss / df / ms
    line(design, "anova", terms[i], "ss", ss); line(design, "anova", terms[i], "df", df)
    line(design, "anova", terms[i], "f", f)
    line(design, "anova", terms[i], "p", pf(f, df, df.residual(full), lower.tail = FALSE))
    line(design, "anova", terms[i], "eta2", ss / total)
    line(design, "anova", terms[i], "omega2", (ss - df * ms) / (total + ms))
  }
  if (!is.null(block)) {
    m <- lm(as.formula(paste("y ~", paste(terms, collapse = "+"))), data = d)
    line(design, "anova", block, "ss", rss(m) - rss(full))
  }
  line(design, "anova", "residual", "ss", rss(full)); line(design, "anova", "residual", "df", df.residual(full))
}

# An interval and a test, from t.test.
interval <- function(design, kind, name, t) {
  e <- if (length(t$estimate) == 2) unname(t$estimate[1] - t$estimate[2]) else unname(t$estimate)
  line(design, kind, name, "estimate", e)
  line(design, kind, name, "low", t$conf.int[1]); line(design, kind, name, "high", t$conf.int[2])
  line(design, kind, name, "df", unname(t$parameter)); line(design, kind, name, "p", t$p.value)
}

of <- function(d, ...) { at <- list(...); for (n in names(at)) d <- d[d[[n]] == at[[n]], ]; d[order(d$r), "y"] }

# 1. Two by three with replicates as blocks.
d <- expand.grid(a = c("a0", "a1"), b = c("b0", "b1", "b2"), r = 1:5)
d$y <- 3 + (d$a == "a1") * 0.4 + (d$b == "b2") * (0.2 + 0.5 * (d$a == "a1")) + rnorm(5, 0, 0.3)[d$r] + rnorm(nrow(d), 0, 0.1)
d <- save("blocked", d)
d$r <- factor(d$r)
typeII("blocked", d, c("a", "b"), "r")
interval("blocked", "gap", "a1 - a0 at b2", t.test(of(d, a = "a1", b = "b2"), of(d, a = "a0", b = "b2"), paired = TRUE))
interval("blocked", "gap", "b1 - b0 at a0", t.test(of(d, a = "a0", b = "b1"), of(d, a = "a0", b = "b0"), paired = TRUE))
each <- (of(d, a = "a1", b = "b2") - of(d, a = "a1", b = "b0")) - (of(d, a = "a0", b = "b2") - of(d, a = "a0", b = "b0"))
interval("blocked", "interaction", "b2 - b0 by a1 - a0", t.test(each))
each <- rowMeans(sapply(c("b0", "b1", "b2"), function(b) of(d, a = "a1", b = b) - of(d, a = "a0", b = b)))
interval("blocked", "main", "a1 - a0", t.test(each))

# 2. Two by two by two with blocks.
d <- expand.grid(a = c("a0", "a1"), b = c("b0", "b1"), c = c("c0", "c1"), r = 1:4)
d$y <- rnorm(nrow(d), 1, 0.2) + (d$a == "a1") * (d$b == "b1") * (d$c == "c1") + rnorm(4)[d$r]
d <- save("threeway", d)
d$r <- factor(d$r)
typeII("threeway", d, c("a", "b", "c"), "r")

# 3. Two by three, balanced, nothing pairs the rows.
d <- expand.grid(a = c("a0", "a1"), b = c("b0", "b1", "b2"), r = 1:4)
d$y <- rnorm(nrow(d), 2, 0.5) + (d$b == "b1")
d <- save("classical", d)
typeII("classical", d, c("a", "b"))
interval("classical", "gap", "a1 - a0 at b1", t.test(of(d, a = "a1", b = "b1"), of(d, a = "a0", b = "b1")))

# 4. Two by three, unbalanced.
d <- expand.grid(a = c("a0", "a1"), b = c("b0", "b1", "b2"), r = 1:6)
d$y <- rnorm(nrow(d), 2, 0.5) + (d$b == "b1") * (d$a == "a1")
d <- d[-c(2, 9, 10, 17, 23, 30, 31, 36), ]
d <- save("unbalanced", d)
typeII("unbalanced", d, c("a", "b"))
interval("unbalanced", "gap", "b2 - b0 at a1", t.test(of(d, a = "a1", b = "b2"), of(d, a = "a1", b = "b0")))
interval("unbalanced", "gap", "a1 - a0 at b0", t.test(of(d, a = "a1", b = "b0"), of(d, a = "a0", b = "b0")))

# 5. One factor.
d <- expand.grid(a = c("a0", "a1", "a2"), r = 1:7)
d$y <- rnorm(nrow(d), 2, 0.5) + (d$a == "a2") * 0.7
d <- save("oneway", d)
typeII("oneway", d, "a")

# 6. Two by two, the smallest blocked one.
d <- expand.grid(a = c("a0", "a1"), b = c("b0", "b1"), r = 1:2)
d$y <- rnorm(nrow(d), 3, 0.2) + (d$a == "a1") * (d$b == "b1") + (d$r == 2)
d <- save("smallest", d)
d$r <- factor(d$r)
typeII("smallest", d, c("a", "b"), "r")
interval("smallest", "gap", "a1 - a0 at b1", t.test(of(d, a = "a1", b = "b1"), of(d, a = "a0", b = "b1"), paired = TRUE))

# 7. Four by three with blocks, small differences on a large number.
d <- expand.grid(a = c("a0", "a1", "a2", "a3"), b = c("b0", "b1", "b2"), r = 1:3)
d$y <- 10000 + rnorm(nrow(d), 0, 0.01) + (d$a == "a3") * (d$b == "b2") * 0.02 + rnorm(3, 0, 0.05)[d$r]
d <- save("offset", d)
d$r <- factor(d$r)
typeII("offset", d, c("a", "b"), "r")
each <- (of(d, a = "a3", b = "b2") - of(d, a = "a0", b = "b2")) - (of(d, a = "a3", b = "b0") - of(d, a = "a0", b = "b0"))
interval("offset", "interaction", "a3 - a0 by b2 - b0", t.test(each))

# 8. Three by two by two, unbalanced.
d <- expand.grid(a = c("a0", "a1", "a2"), b = c("b0", "b1"), c = c("c0", "c1"), r = 1:4)
d$y <- rnorm(nrow(d), 2, 0.4) + (d$a == "a2") * (d$c == "c1") * 0.8 + (d$b == "b1") * 0.3
d <- d[-c(14, 15, 20, 26, 29, 33, 38, 40, 41, 47), ]
d <- save("threeway-unbalanced", d)
typeII("threeway-unbalanced", d, c("a", "b", "c"))

# 9. Four by two, one cell with a single row and another with most.
d <- expand.grid(a = c("a0", "a1", "a2", "a3"), b = c("b0", "b1"), r = 1:8)
d <- d[!(d$a == "a2" & d$b == "b1" & d$r > 1) & !(d$a == "a1" & d$r > 3) & !(d$b == "b0" & d$r > 5), ]
d$y <- rnorm(nrow(d), 1, 0.3) + (d$a == "a3") * 0.5 - (d$b == "b1") * (d$a == "a1") * 0.4
d <- save("lopsided", d)
typeII("lopsided", d, c("a", "b"))
interval("lopsided", "gap", "a1 - a0 at b1", t.test(of(d, a = "a1", b = "b1"), of(d, a = "a0", b = "b1")))

# 10. One factor of five levels, unbalanced, of tiny numbers and unequal spread.
d <- expand.grid(a = c("a0", "a1", "a2", "a3", "a4"), r = 1:6)
d$y <- rnorm(nrow(d), 0, 0.001 * as.integer(d$a)) + (d$a == "a4") * 0.005
d <- d[-c(5, 8, 10, 19, 26, 27), ]
d <- save("tiny", d)
typeII("tiny", d, "a")
interval("tiny", "gap", "a4 - a0", t.test(of(d, a = "a4"), of(d, a = "a0")))
