/* RTCP reports, ours and what comes instead. */
#include <string.h>

#include "check.h"
#include "rtcp.h"

static void report_comes_back(void)
{
    uint8_t data[RTCP_MAX];
    const Report out = {.ssrc = 1, .remote_ssrc = 7, .sending = true, .receiving = true,
                        .ntp = 0x1122334455667788ULL, .fraction_lost = 64, .jitter = 80,
                        .last_sr = 0xAABBCCDDu, .delay_since_last_sr = 65536};
    const size_t size = rtcp_write(data, &out);
    CHECK(size % 4 == 0 && size <= RTCP_MAX);
    RemoteReport in;
    CHECK(rtcp_parse(data, size, 7, &in));
    CHECK(in.has_sr && in.sr_middle == 0x33445566u);
    CHECK(in.has_block && in.fraction_lost == 64 && in.jitter == 80);
    CHECK(in.last_sr == 0xAABBCCDDu && in.delay_since_last_sr == 65536);
    CHECK(rtcp_parse(data, size, 8, &in) && !in.has_block); /* about somebody else */
}

static void loss_is_told_within_its_fields(void)
{
    CHECK(rtcp_fraction(0, 0) == 0 && rtcp_fraction(10, 12) == 0);
    CHECK(rtcp_fraction(100, 75) == 64 && rtcp_fraction(100, 0) == 255);
    CHECK(rtcp_fraction(20000000, 10000000) == 128); /* a peer whose numbers leap */
    CHECK(rtcp_cumulative(100, 75) == 25 && rtcp_cumulative(100, 103) == -3);
    CHECK(rtcp_cumulative(20000000, 1) == 0x7FFFFF && rtcp_cumulative(1, 20000000) == -0x800000);
}

static void report_without_a_sender_is_passed_over(void)
{
    /* A receiver report of one word, after a whole one; it claims 31 blocks. */
    const uint8_t data[] = {0x80, 201, 0, 1, 0, 0, 0, 9, 0x9F, 201, 0, 0, 0x9F, 201, 0, 0};
    uint8_t *exact = malloc(sizeof data);
    memcpy(exact, data, sizeof data);
    RemoteReport report;
    CHECK(rtcp_parse(exact, sizeof data, 7, &report) && !report.has_block);
    free(exact);
}

static void noise_is_read_within_its_bounds(void)
{
    for (int round = 0; round < 200000; round++) {
        const size_t size = chance(80);
        uint8_t *data = noise(size);
        if (size > 3 && chance(4)) {
            data[0] = (uint8_t)(0x80 | (data[0] & 0x3F));
            data[1] = (uint8_t)(200 + chance(3));
            data[2] = 0;
            data[3] = (uint8_t)chance(size / 4 + 2);
        }
        RemoteReport report;
        rtcp_parse(data, size, 7, &report);
        free(data);
    }
}

int main(void)
{
    report_comes_back();
    loss_is_told_within_its_fields();
    report_without_a_sender_is_passed_over();
    noise_is_read_within_its_bounds();
    return failures ? 1 : 0;
}
