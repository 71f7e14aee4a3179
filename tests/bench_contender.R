# The study's linear model by R: `Rscript tests/bench_contender.R FOLDER`, columns as bench_contender.py reads; JSON out.
suppressPackageStartupMessages(library(survival))

folder <- commandArgs(TRUE)[1]
doses <- c("tspo_binder", "tspo_non_binder", "tspo_unknown")
covariates <- c(doses, "anxiety_disorder", "depression", "insomnia")

column <- function(name) {
  path <- file.path(folder, paste0(name, if (name %in% doses) ".f8" else ".i4"))
  size <- if (name %in% doses) 8 else 4
  readBin(path, if (size == 8) "double" else "integer", file.size(path) / size, endian = "little")
}
memory_mb <- function(field) {
  line <- grep(paste0("^", field), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

names <- c("stratum", "start_day", "stop_day", "event", covariates)
table <- as.data.frame(lapply(setNames(names, names), column))
before <- memory_mb("VmRSS")
model <- reformulate(c(covariates, "strata(stratum)"), quote(Surv(start_day, stop_day, event)))
time <- system.time(fit <- coxph(model, table, ties = "efron"))
peak <- memory_mb("VmHWM")

# The bare fit, without the residuals and the concordance that coxph adds.
x <- as.matrix(table[covariates])
y <- Surv(table$start_day, table$stop_day, table$event)
bare <- system.time(agreg.fit(
  x, y, table$stratum, NULL, NULL, coxph.control(), NULL, "efron", rownames = NULL, resid = FALSE
))

number <- function(x) paste(format(x, digits = 15, trim = TRUE), collapse = ", ")
cat(sprintf(
  '{"seconds": %s, "cpu_seconds": %s, "bare_s": %s, "before_mb": %s, "peak_mb": %s, "rows": %s, "steps": %s, ',
  number(time[["elapsed"]]), number(time[["user.self"]] + time[["sys.self"]]), number(bare[["elapsed"]]),
  number(before), number(peak), number(nrow(table)), number(fit$iter)
))
cat(sprintf('"params": [%s], "version": "%s"}\n', number(coef(fit)), as.character(packageVersion("survival"))))
