/*
 * assert_uint_in_range(value, minimum, maximum) for a cmocka before 2.0, which has it as
 * assert_in_range(), deprecated since. Included after cmocka.h.
 */
#ifndef TESTS_UNIT_IN_RANGE_H
#define TESTS_UNIT_IN_RANGE_H

#ifndef assert_uint_in_range
#define assert_uint_in_range(value, minimum, maximum) assert_in_range(value, minimum, maximum)
#endif

#endif
