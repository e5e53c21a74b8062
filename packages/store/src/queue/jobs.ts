/** Queues and what travels in them: UIDs and row numbers only, never patient data. */
import { createHash } from 'node:crypto';
import type { NotificationLane } from '@ichor/settings/notificationSettings';
import { z } from 'zod';

/** One triage job per completed study. `request` counts the completions of the study, so that each is one job. */
export const TriageJob = z.object({ studyInstanceUid: z.string().max(64), request: z.number().int().positive() });
export type TriageJob = z.infer<typeof TriageJob>;

/** Send every undelivered object of one result to one destination, in one association. */
export const DeliveryJob = z.object({ resultId: z.number().int().positive(), destination: z.string().max(16) });
export type DeliveryJob = z.infer<typeof DeliveryJob>;

/** Send what is due on the lane of one row of `notification`. */
export const NotificationJob = z.object({ notificationId: z.number().int().positive() });
export type NotificationJob = z.infer<typeof NotificationJob>;

export const TRIAGE_QUEUE = 'triage';
/** One queue per destination: a dead destination delays no other. @param aeTitle of the destination */
export const deliveryQueue = (aeTitle: string): string => `delivery.${aeTitle.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;

/** One queue per destination and kind, named by a digest: an address may hold anything. */
export const notificationQueue = ({ kind, destination }: NotificationLane): string =>
  `notification.${kind}-${createHash('sha256').update(destination).digest('hex').slice(0, 16)}`;

/** BullMQ ids; a colon is refused there. */
export const triageJobId = (job: TriageJob): string => `${job.studyInstanceUid}-${job.request}`;
export const deliveryJobId = (job: DeliveryJob): string => `${job.resultId}-${job.destination.replaceAll(':', '_')}`;

export const notificationJobId = ({ notificationId }: NotificationJob): string => `notification-${notificationId}`;

/** BullMQ priorities: the smaller the sooner. */
export const PRIORITY = { stat: 1, high: 2, routine: 3 } as const;
