"""What profiles say: the estimator, sums by site, differences."""
