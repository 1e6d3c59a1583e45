"""The meaning of profiles: the estimator, sums by site, differences."""
