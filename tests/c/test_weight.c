#include "spprof.h"

#include "support.h"

#include <math.h>

/* Check equality within half a unit of the fixed-point format, plus a double's precision. */
static void assert_close(uint64_t got, long double expected) {
    long double error = fabsl((long double)got - expected);
    if (error > 0.5L + expected * 0x1p-51L) fail_msg("%llu is not %Lf", (unsigned long long)got, expected);
}

TEST(test_weights_agree_with_the_formula_in_higher_precision) {
    for (uint64_t rate = 1; rate <= SPPROF_RATE_MAX; rate = rate * 3 / 2 + 1) {
        for (uint64_t size = 1; size <= UINT64_C(1) << 40; size = size * 3 / 2 + 1) {
            long double p = -expm1l(-(long double)size / rate);
            spprof_weight weight = spprof_weigh(size, (uint32_t)rate);
            assert_true(fabsl(weight.probability - p) <= p * 0x1p-51L);
            assert_close(weight.bytes, size / p * SPPROF_BYTES_ONE);
            assert_close(weight.objects, SPPROF_OBJECTS_ONE / p);
        }
    }
}

TEST(test_every_allocation_sampled_weighs_exactly_itself) {
    static const uint64_t sizes[] = {0, 1, 2, 511, 4096, UINT64_C(1) << 32, (UINT64_C(1) << 45) + 1};
    for (int i = 0; i < 7; i++) {
        spprof_weight weight = spprof_weigh(sizes[i], 0);
        assert_true(weight.probability == 1);
        assert_int_equal(weight.bytes, sizes[i] * SPPROF_BYTES_ONE);
        assert_int_equal(weight.objects, SPPROF_OBJECTS_ONE);
    }
}

TEST(test_size_zero_weighs_one_object_of_no_bytes) {
    for (uint64_t rate = 0; rate <= SPPROF_RATE_MAX; rate = rate * 2 + 1) {
        spprof_weight weight = spprof_weigh(0, (uint32_t)rate);
        assert_int_equal(weight.bytes, 0);
        assert_int_equal(weight.objects, SPPROF_OBJECTS_ONE);
    }
}

/* The weight is never a constant: a sample of 1 byte represents the interval, one of 100 MB represents itself. */
TEST(test_small_samples_stand_for_the_rate_and_large_ones_for_themselves) {
    assert_close(spprof_weigh(1, 524288).bytes, 524288.5L * SPPROF_BYTES_ONE);
    assert_int_equal(spprof_weigh(100 << 20, 524288).bytes, (uint64_t)(100 << 20) * SPPROF_BYTES_ONE);
    assert_int_equal(spprof_weigh(100 << 20, 524288).objects, SPPROF_OBJECTS_ONE);
}

/* The case is the largest block in a 47-bit address space, and the rarest sample. */
TEST(test_extremes_stay_finite) {
    assert_int_equal(spprof_weigh(UINT64_C(1) << 47, SPPROF_RATE_MAX).bytes, (UINT64_C(1) << 47) * SPPROF_BYTES_ONE);
    spprof_weight rarest = spprof_weigh(1, SPPROF_RATE_MAX);
    assert_close(rarest.objects, (SPPROF_RATE_MAX + 0.5L) * SPPROF_OBJECTS_ONE);
    assert_true(rarest.probability > 0);
}

TEST(test_a_weight_is_the_same_each_time_so_that_sums_return_to_zero) {
    uint64_t bytes = 0, objects = 0, seed = 1;
    for (int round = 0; round < 2; round++) {
        seed = 1;
        for (int i = 0; i < 100000; i++) {
            spprof_weight weight =
                spprof_weigh(random_below(&seed, 1 << 20), 1 + (uint32_t)random_below(&seed, 1 << 20));
            bytes += round ? -weight.bytes : weight.bytes;
            objects += round ? -weight.objects : weight.objects;
        }
        assert_int_equal(bytes == 0, round);
    }
    assert_int_equal(objects, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_agree_with_the_formula_in_higher_precision),
        cmocka_unit_test(test_every_allocation_sampled_weighs_exactly_itself),
        cmocka_unit_test(test_size_zero_weighs_one_object_of_no_bytes),
        cmocka_unit_test(test_small_samples_stand_for_the_rate_and_large_ones_for_themselves),
        cmocka_unit_test(test_extremes_stay_finite),
        cmocka_unit_test(test_a_weight_is_the_same_each_time_so_that_sums_return_to_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
