/* Recordings: what the file says, and what it says of itself. */
#include <string.h>

#include "check.h"
#include "recorder.h"

static void wav_header_says_what_is_there(void)
{
    uint8_t header[WAV_HEADER];
    wav_header(header, 2, 64000);
    CHECK(memcmp(header, "RIFF", 4) == 0 && memcmp(header + 8, "WAVEfmt ", 8) == 0);
    CHECK(header[22] == 2 && header[34] == 16);
    CHECK(header[40] == 0x00 && header[41] == 0xFA && header[42] == 0 && header[43] == 0);
}

int main(void)
{
    wav_header_says_what_is_there();
    return failures ? 1 : 0;
}
