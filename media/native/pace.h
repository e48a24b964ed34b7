/* When the packets of a stream are heard: how long they wait follows the network. Shared by the
 * buffer of samples and the buffer of packets, which count in timestamp units of their codec. */
#ifndef MURIMA_PACE_H
#define MURIMA_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_START 2 /* frames of delay at the beginning */
#define PACE_MOST 10

typedef struct {
    uint32_t frame;  /* timestamp units in 20 ms */
    bool running;
    uint32_t play;   /* timestamp of what is heard next */
    int32_t margin;  /* least earliness of a packet in this window, in timestamp units */
    int32_t most;    /* greatest earliness */
    uint32_t late_run;      /* frames in a row whose packets came too late altogether */
    uint32_t frames;        /* given out in this window */
    uint32_t last_late;     /* when the last late packet came, in frames since the start */
    uint32_t clock;         /* frames given out since start */
    int32_t pending_insert; /* frames to hold back, so that the delay grows */
    int32_t pending_drop;   /* frames to leave out, so that it shrinks */
    uint32_t delay;         /* how long the promptest packets wait, timestamp units */
    uint64_t late;          /* packets that came too late to be heard */
} Pace;

void pace_reset(Pace *pace, uint32_t frame);

/* The stream is over: begin anew with the delay that it needed, and go on counting. */
void pace_forget(Pace *pace);

/* A packet that lasts `count` units has come. True when a new stream begins with it: whatever waits
 * is to be forgotten. What of it lies before `play` is too late. */
bool pace_arrive(Pace *pace, uint32_t timestamp, uint32_t count);

/* Once a frame, before anything is given out. */
void pace_begin_frame(Pace *pace);

/* Whether this frame is to be made up, and everything heard 20 ms later from now on. */
bool pace_inserts(Pace *pace);

/* Whether a frame, which is `quiet` or not, is to be left out now. */
bool pace_drops(Pace *pace, bool quiet);

#endif
