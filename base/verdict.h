/* What a step of a decision says. Zero denies: cleared memory and forgotten branches refuse. */
#ifndef BASE_VERDICT_H
#define BASE_VERDICT_H

enum verdict {
    VERDICT_DENY = 0, /* refused; the reason says why */
    VERDICT_ALLOW,    /* let through, no further step is asked */
    VERDICT_WAIT,     /* not known yet: asked again when the awaited answer is there */
    VERDICT_NEXT      /* this step has no objection: ask the next */
};

#endif
