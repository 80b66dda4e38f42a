/* The inside image (library OS and PAL), build/inside.elf, as part of the executable:
 * one file is all that has to be copied to another machine. */
#ifndef BAILEY_MONITOR_INSIDE_IMAGE_H
#define BAILEY_MONITOR_INSIDE_IMAGE_H

extern const unsigned char inside_image[]; /* page-aligned */
extern const unsigned char inside_image_end[];

#endif
