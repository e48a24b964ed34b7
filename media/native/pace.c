#include "pace.h"

#include <string.h>

#define JUMP_FRAMES 50 /* a timestamp this far off begins a new stream */
#define WINDOW 250     /* frames after which the delay may shrink: 5 s */
#define SECOND 50      /* frames */
#define LATE_RUN 10    /* frames with packets too late only: a clock was set back */

void pace_reset(Pace *pace, uint32_t frame)
{
    memset(pace, 0, sizeof *pace);
    pace->frame = frame;
    pace->delay = PACE_START * frame;
}

void pace_forget(Pace *pace)
{
    const Pace before = *pace;
    pace_reset(pace, before.frame);
    pace->delay = before.delay;
    pace->late = before.late;
}

static void begin_window(Pace *pace)
{
    pace->frames = 0;
    pace->margin = INT32_MAX;
    pace->most = INT32_MIN;
}

static void anchor(Pace *pace, uint32_t timestamp)
{
    begin_window(pace);
    pace->late_run = 0;
    pace->play = timestamp - pace->delay;
    pace->running = true;
    pace->pending_insert = pace->pending_drop = 0;
}

/* A packet came too late. Two within a second are no accident: wait one frame longer. */
static void note_late(Pace *pace)
{
    pace->late++;
    const bool again = pace->last_late != 0 && pace->clock - pace->last_late < SECOND;
    pace->last_late = pace->clock ? pace->clock : 1;
    if (again && pace->pending_insert == 0 && pace->most < (int32_t)(PACE_MOST * pace->frame))
        pace->pending_insert = 1;
}

/* Packets that keep coming too late altogether show that the sender's clock was set back. Those that
 * come in one frame are what a stalled network let go of at once, and count as one. */
static bool was_set_back(Pace *pace, bool too_late)
{
    if (!too_late)
        pace->late_run = 0;
    else if (pace->late_run == 0 || pace->clock != pace->last_late)
        pace->late_run++;
    return pace->late_run == LATE_RUN;
}

bool pace_arrive(Pace *pace, uint32_t timestamp, uint32_t count)
{
    const int32_t jump = (int32_t)(JUMP_FRAMES * pace->frame);
    bool anew = !pace->running;
    if (anew)
        anchor(pace, timestamp);
    int32_t early = (int32_t)(timestamp - pace->play);
    /* Compared, not added up: any timestamp may come, and a sum could overflow. */
    const bool set_back = was_set_back(pace, early <= -(int32_t)count);
    if (early > jump - (int32_t)count || early < -jump || set_back) {
        anchor(pace, timestamp);
        anew = true;
        early = (int32_t)(timestamp - pace->play);
    }
    if (early < pace->margin)
        pace->margin = early;
    if (early > pace->most)
        pace->most = early;
    if (early < 0)
        note_late(pace);
    return anew;
}

static uint32_t within_limits(const Pace *pace, int64_t delay)
{
    const int64_t least = pace->frame, most = PACE_MOST * (int64_t)pace->frame;
    return (uint32_t)(delay < least ? least : delay > most ? most : delay);
}

/* At the end of a window: if every packet came early enough, wait one frame less from now on. What
 * counts is what was seen, not what was once intended: the sender's clock is not ours. */
void pace_begin_frame(Pace *pace)
{
    pace->clock++;
    if (!pace->running || ++pace->frames < WINDOW)
        return;
    if (pace->margin != INT32_MAX) {
        const int32_t frame = (int32_t)pace->frame;
        if (pace->margin >= 2 * frame)
            pace->pending_drop = 1 + (pace->margin >= 6 * frame);
        pace->delay = within_limits(pace, pace->most);
    }
    begin_window(pace);
}

bool pace_inserts(Pace *pace)
{
    if (pace->pending_insert == 0)
        return false;
    pace->pending_insert--;
    pace->delay = within_limits(pace, (int64_t)pace->delay + pace->frame);
    return true;
}

bool pace_drops(Pace *pace, bool quiet)
{
    if (pace->pending_drop == 0 || (!quiet && pace->pending_drop == 1))
        return false;
    pace->pending_drop = 0;
    pace->delay = within_limits(pace, (int64_t)pace->delay - pace->frame);
    return true;
}
