# Makes the designs and the answers that TestModels compares with:
#   Rscript make.R        (R 4.2 with car and emmeans)
suppressMessages({library(car); library(emmeans)})
options(digits = 15, contrasts = c("contr.sum", "contr.poly"))
set.seed(20260405)
out <- file("answers.csv", "w")
cat("design,error,type,kind,name,field,value\n", file = out)
line <- function(design, error, type, kind, name, field, value)
  if (length(value) && !is.na(value)) cat(sprintf('%s,%s,%s,%s,"%s",%s,%.12g\n', design, error, type, kind, name, field, value), file = out)

letter <- c("a", "b", "c")
cell <- function(d, fs) do.call(paste, c(d[fs], sep = "|"))

# The contrast of each replicate that all its cells have.
each <- function(d, fs, w) {
  d$cell <- cell(d, fs)
  d <- d[d$cell %in% names(w), ]
  wide <- tapply(d$y, list(d$r, d$cell), function(v) v[1])[, names(w), drop = FALSE]
  wide <- wide[stats::complete.cases(wide), , drop = FALSE]
  as.vector(wide %*% w)
}

# Weights of all gaps, main effects and interactions of two factors, as ablate names them.
contrasts_of <- function(fs, levels) {
  grid <- expand.grid(lapply(levels, seq_len)); names(grid) <- fs
  key <- apply(grid, 1, function(g) paste(paste0(fs, g - 1), collapse = "|"))
  base <- as.list(rep(1, length(fs))); names(base) <- fs
  at <- function(setting) key[Reduce(`&`, Map(function(f, l) grid[[f]] == l, names(setting), setting))]
  add <- function(w, cells, v) { for (c in cells) w[c] <- ifelse(is.na(w[c]), 0, w[c]) + v; w }
  res <- list()
  for (i in seq_along(fs)) for (l in 2:levels[i]) {
    f <- fs[i]; others <- fs[-i]
    settings <- if (length(fs) == 2) lapply(seq_len(levels[-i]), function(o) setNames(list(o), others)) else list(base[others])
    for (s in settings) {
      w <- add(add(numeric(0), at(c(setNames(list(l), f), s)), 1), at(c(setNames(list(1), f), s)), -1)
      where <- if (length(others)) paste0(" @ ", paste(sort(paste0(others, "=", others, unlist(s) - 1)), collapse = ", ")) else ""
      res[[length(res) + 1]] <- list(kind = "gap", name = sprintf("%s: %s%d - %s0%s", f, f, l - 1, f, where), w = w)
    }
    if (length(fs) > 1) {
      up <- at(setNames(list(l), f)); down <- at(setNames(list(1), f))
      w <- add(add(numeric(0), up, 1 / length(up)), down, -1 / length(down))
      res[[length(res) + 1]] <- list(kind = "main", name = sprintf("%s: %s%d - %s0", f, f, l - 1, f), w = w)
    }
  }
  if (length(fs) > 1) for (i in 1:(length(fs) - 1)) for (j in (i + 1):length(fs)) {
    p <- i; q <- j
    if (levels[q] > levels[p]) { p <- j; q <- i }
    f <- fs[p]; g <- fs[q]
    for (l in 2:levels[p]) for (m in 2:levels[q]) {
      w <- numeric(0)
      for (s in list(c(l, m, 1), c(1, m, -1), c(l, 1, -1), c(1, 1, 1))) {
        cells <- at(setNames(list(s[1], s[2]), c(f, g))); w <- add(w, cells, s[3] / length(cells))
      }
      res[[length(res) + 1]] <- list(kind = "interaction", name = sprintf("%s x %s: (%s%d - %s0) x (%s%d - %s0)", f, g, f, l - 1, f, g, m - 1, g), w = w)
    }
  }
  if (length(fs) == 3) for (l in 2:levels[1]) for (m in 2:levels[2]) for (o in 2:levels[3]) {
    w <- numeric(0)
    for (x in 0:1) for (y in 0:1) for (z in 0:1)
      w <- add(w, at(setNames(list(if (x) l else 1, if (y) m else 1, if (z) o else 1), fs)), (-1)^(3 - x - y - z))
    res[[length(res) + 1]] <- list(kind = "interaction", name = sprintf("a x b x c: (a%d - a0) x (b%d - b0) x (c%d - c0)", l - 1, m - 1, o - 1), w = w)
  }
  res
}

emmeans_lines <- function(design, m, fs, all) {
  emm <- emmeans(m, as.formula(paste("~", paste(fs, collapse = "*"))))
  keys <- cell(as.data.frame(emm), fs)
  for (k in all) {
    w <- setNames(rep(0, length(keys)), keys); w[names(k$w)] <- k$w
    s <- as.data.frame(summary(contrast(emm, list(x = unname(w))), infer = TRUE))
    for (f in list(c("estimate", "estimate"), c("low", "lower.CL"), c("high", "upper.CL"), c("df", "df"), c("t", "t.ratio"), c("p", "p.value")))
      line(design, "pooled", "III", k$kind, k$name, f[1], s[[f[2]]])
  }
}

anova_lines <- function(design, error, m, type) {
  a <- Anova(m, type = type)
  for (n in setdiff(rownames(a), c("(Intercept)", "Residuals"))) {
    line(design, error, type, "anova", n, "ss", a[n, "Sum Sq"]); line(design, error, type, "anova", n, "df", a[n, "Df"])
    line(design, error, type, "anova", n, "f", a[n, "F value"]); line(design, error, type, "anova", n, "p", a[n, "Pr(>F)"])
  }
  line(design, error, type, "anova", "residual", "ss", a["Residuals", "Sum Sq"])
}

detectable <- function(se, df) {
  tc <- qt(.975, df)
  se * uniroot(function(d) pt(-tc, df, d) + pt(tc, df, d, lower.tail = FALSE) - .8, c(0.1, 60), tol = 1e-12)$root
}

own_lines <- function(design, d, fs, all) {
  tests <- lapply(all, function(k) t.test(each(d, fs, k$w)))
  for (kind in unique(sapply(all, `[[`, "kind"))) {
    member <- which(sapply(all, `[[`, "kind") == kind)
    p <- sapply(tests[member], `[[`, "p.value")
    holm <- p.adjust(p, "holm"); bonferroni <- p.adjust(p, "bonferroni")
    for (i in seq_along(member)) {
      k <- all[[member[i]]]; t <- tests[[member[i]]]; x <- each(d, fs, k$w)
      adjusted <- t.test(x, conf.level = 1 - .05 / length(member))$conf.int
      values <- c(estimate = unname(t$estimate), low = t$conf.int[1], high = t$conf.int[2], df = unname(t$parameter), t = unname(t$statistic),
        p = t$p.value, p_holm = holm[i], p_adjusted = bonferroni[i], low_adjusted = adjusted[1], high_adjusted = adjusted[2],
        detectable = detectable(unname(t$stderr), unname(t$parameter)))
      for (f in names(values)) line(design, "contrast", "III", kind, k$name, f, values[[f]])
      if (kind != "interaction") {
        above <- t.test(x, mu = .3, alternative = "less"); below <- t.test(x, mu = -.3, alternative = "greater")
        inside <- t.test(x, conf.level = .9)$conf.int
        line(design, "contrast", "III", "equivalence", k$name, "p", max(above$p.value, below$p.value))
        line(design, "contrast", "III", "equivalence", k$name, "low", inside[1]); line(design, "contrast", "III", "equivalence", k$name, "high", inside[2])
      }
    }
  }
}

strata_lines <- function(design, d, fs) {
  cells <- length(unique(cell(d, fs)))
  d <- d[d$r %in% names(which(table(d$r) == cells)), ]
  d$r <- factor(d$r)
  s <- summary(aov(as.formula(sprintf("y ~ %s + Error(r/(%s))", paste(fs, collapse = "*"), paste(fs, collapse = "*"))), data = d))
  for (stratum in s) {
    t <- stratum[[1]]; rows <- trimws(rownames(t))
    for (n in setdiff(rows, "Residuals")) {
      i <- which(rows == n)
      line(design, "contrast", "III", "anova", n, "ss", t[i, "Sum Sq"]); line(design, "contrast", "III", "anova", n, "df", t[i, "Df"])
      line(design, "contrast", "III", "anova", n, "f", t[i, "F value"]); line(design, "contrast", "III", "anova", n, "p", t[i, "Pr(>F)"])
    }
  }
}

for (levels in list(2, 3, 5, c(2, 2), c(2, 3), c(3, 3), c(4, 2), c(2, 2, 2), c(3, 2, 2))) for (form in c("paired", "incomplete", "unpaired")) {
  fs <- letter[seq_along(levels)]
  design <- paste0(form, "-", paste(levels, collapse = "x"))
  d <- expand.grid(c(setNames(lapply(seq_along(levels), function(i) paste0(fs[i], seq_len(levels[i]) - 1)), fs), list(r = paste0("r", 1:5))), stringsAsFactors = FALSE)
  spread <- 0.05 + 0.1 * (as.integer(factor(cell(d, fs))) %% 3)
  d$y <- round(3 + rnorm(nrow(d), 0, spread) + 0.3 * (d$a == "a1") + (if (length(fs) > 1) 0.4 * (d$a == "a1") * (d$b == "b1") else 0) +
    (if (form == "unpaired") 0 else rnorm(5, 0, 0.3)[as.integer(sub("r", "", d$r))]), 6)
  if (form == "incomplete") d <- d[-sample(which(d$r %in% c("r1", "r2")), min(3, prod(levels) - 1)), ]
  if (form == "unpaired") { # two trials of each cell at least
    d <- d[-sample(which(d$r %in% c("r1", "r2", "r3")), min(5, prod(levels))), ]
    d$r <- paste0("x", seq_len(nrow(d)))
  }
  write.csv(d, paste0(design, ".csv"), row.names = FALSE, quote = FALSE)
  for (f in c(fs, "r")) d[[f]] <- factor(d[[f]])
  all <- contrasts_of(fs, levels)
  model <- paste(fs, collapse = "*")
  if (form == "unpaired") {
    m <- lm(as.formula(paste("y ~", model)), data = d)
    for (k in all) if (k$kind == "gap") {
      x <- lapply(names(k$w)[order(-k$w)], function(c) d$y[cell(d, fs) == c])
      t <- t.test(x[[1]], x[[2]])
      for (error in c("contrast", "separate")) {
        line(design, error, "III", "gap", k$name, "low", t$conf.int[1]); line(design, error, "III", "gap", k$name, "df", unname(t$parameter)); line(design, error, "III", "gap", k$name, "p", t$p.value)
      }
    }
    if (length(fs) == 1) {
      o <- oneway.test(y ~ a, data = d)
      line(design, "separate", "III", "anova", "a", "f", unname(o$statistic)); line(design, "separate", "III", "anova", "a", "p", o$p.value)
    }
  } else {
    m <- lm(as.formula(paste("y ~ r +", model)), data = d)
    own_lines(design, d, fs, all)
    strata_lines(design, d, fs)
  }
  emmeans_lines(design, m, fs, all)
  for (type in c("III", "II")) anova_lines(design, "pooled", m, type)
}
close(out)
