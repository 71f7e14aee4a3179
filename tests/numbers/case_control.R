# The numbers of conditional_logistic.json and wce.json: Rscript tests/numbers/case_control.R (R 4.2.2, survival 3.5-3).
# WCE's own package is not needed: its model is a B-spline of the past days times their doses, in coxph or clogit.
library(survival)
library(splines)
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)
row_of <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ", "), "]")
table_of <- function(d) paste0("[", paste(apply(as.matrix(d), 1, row_of), collapse = ", "), "]")
object <- function(parts, end = "") {
  paste0("{\n ", paste(sprintf("\"%s\": %s", names(parts), unlist(parts)), collapse = ",\n "), "}", end)
}
fit_of <- function(f) object(list(coef = row_of(coef(f)), vcov = row_of(vcov(f)), loglik = row_of(f$loglik)))
versions <- "\"R 4.2.2, survival 3.5-3: tests/numbers/case_control.R"

fit <- clogit(case ~ spontaneous + induced + strata(stratum), data = infert, control = tight)
rows <- infert[, c("case", "spontaneous", "induced", "stratum")]
cat(object(list(
  source = paste0(versions, "; infert is in R's datasets (Trichopoulos et al. 1976)\""),
  call = "\"clogit(case ~ spontaneous + induced + strata(stratum), infert, control = coxph.control(eps = 1e-14))\"",
  infert_columns = "\"case spontaneous induced stratum\"", fit = fit_of(fit), infert = table_of(rows)
), "\n"), file = "tests/numbers/conditional_logistic.json")

# Persons who come late, leave, fall ill on whole days with ties; courses also before they come, and overlapping ones.
set.seed(20)
n <- 90
persons <- data.frame(id = sample(1000, n), start = sample(0:15, n, TRUE), sex = rbinom(n, 1, 0.5))
persons$age <- round(rnorm(n, 60, 8))
courses <- do.call(rbind, lapply(persons$id, function(id) {
  k <- rpois(1, 4)
  first <- sample(-30:70, k, TRUE)
  data.frame(id = rep(id, k), first = first, last = first + sample(0:25, k, TRUE), dose = sample(c(0.5, 1, 2), k, TRUE))
}))
cutoff <- 40
doses <- function(id, days) {
  own <- courses[courses$id == id, ]
  sapply(days, function(day) sum(own$dose[own$first <= day & day <= own$last]))
}
true_weight <- 0.1 * exp(-(1:cutoff) / 8)
persons[c("stop", "event")] <- t(sapply(seq_len(n), function(i) {
  leaves <- persons$start[i] + sample(5:70, 1)
  for (t in (persons$start[i] + 1):leaves) {
    hazard <- 0.008 * exp(0.4 * persons$sex[i] + sum(true_weight * doses(persons$id[i], t - 1:cutoff + 1)))
    if (runif(1) < hazard) return(c(t, 1))
  }
  c(leaves, 0)
}))
times <- sort(unique(persons$stop[persons$event == 1]))
at_risk <- do.call(rbind, lapply(times, function(t) {
  own <- persons[persons$start < t & t <= persons$stop, ]
  data.frame(time = t, own[c("id", "sex", "age")], case = own$event * (own$stop == t))
}))
history <- function(members, knots, lag) {
  basis <- splineDesign(c(-3:0, knots, cutoff:(cutoff + 3)), 1:cutoff, ord = 4)
  t(sapply(seq_len(nrow(members)), function(i) doses(members$id[i], members$time[i] - lag - 1:cutoff + 1) %*% basis))
}
knots_of <- list("1" = 20, "2" = c(14, 27), "3" = c(11, 20, 30))
models <- list()
for (k in 1:3) for (right in c(TRUE, FALSE)) for (lag in c(0, 7)) {
  D <- history(at_risk, knots_of[[k]], lag)
  if (right) D <- D[, 1:(k + 2)]
  f <- coxph(Surv(time - 1, time, case) ~ sex + age + D, at_risk, ties = "efron", control = tight)
  models[[sprintf("cox knots %d%s lag %d", k, if (right) " right" else "", lag)]] <- fit_of(f)
}
# Three controls for each case, from those at risk who have no event on that day.
sets <- do.call(rbind, lapply(which(persons$event == 1), function(i) {
  case <- at_risk[at_risk$time == persons$stop[i] & at_risk$id == persons$id[i], ]
  others <- at_risk[at_risk$time == persons$stop[i] & at_risk$case == 0, ]
  data.frame(set = i, rbind(case, others[sample(nrow(others), min(3, nrow(others))), ]))
}))
D <- history(sets, knots_of[[1]], 0)[, 1:3]
models[["clogit knots 1 right lag 0"]] <- fit_of(clogit(case ~ sex + age + D + strata(set), sets, control = tight))
cat(sum(persons$event), "events at", length(times), "times;", nrow(sets), "members of sampled sets\n")
cat(object(list(
  source = paste0(versions, "; simulated\""),
  basis = table_of(splineDesign(c(-3:0, knots_of[[2]], cutoff:(cutoff + 3)), 1:cutoff, ord = 4)),
  persons_columns = "\"person_id start sex age stop event\"", persons = table_of(persons),
  courses_columns = "\"person_id first_day last_day dose_per_day\"", courses = table_of(courses),
  sampled_columns = "\"set time person_id sex age is_case\"", sampled = table_of(sets), models = object(models)
), "\n"), file = "tests/numbers/wce.json")
