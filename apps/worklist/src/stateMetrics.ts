/**
 * What the database and the disk say, in the exposition format of Prometheus, beside the counters of this process: so the
 * worklist tells of every role, wherever it runs.
 */

import { type StoreSettings, spoolStore } from '@ichor/store/files/openStores';
import type { Database } from '@ichor/store/postgres/database';
import { oldestDueSeconds } from '@ichor/store/rows/completion';
import { countDeliveries } from '@ichor/store/rows/delivery';
import { countStudies } from '@ichor/store/rows/study';

type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

/** Ends in a line break. While the database is away its figures are left out, which an alert can tell from zero. */
export async function stateMetrics(database: Database, settings: StoreSettings): Promise<string> {
  const [studies, deliveries, oldest, disk] = await Promise.all([
    samples(async () =>
      (await countStudies(database)).map(({ state, count }) => ({ labels: { state }, value: count })),
    ),
    samples(async () =>
      (await countDeliveries(database)).map(({ destination, state, count }) => ({
        labels: { destination, state },
        value: count,
      })),
    ),
    samples(async () => [{ labels: {}, value: await oldestDueSeconds(database) }]),
    samples(async () => [{ labels: {}, value: await spoolStore(settings).freeBytes() }]),
  ]);
  return [
    ...gauge('ichor_studies', 'Studies by state', studies),
    ...gauge('ichor_deliveries', 'Objects of current results by destination and state', deliveries),
    ...gauge('ichor_oldest_due_study_seconds', 'How long the oldest complete study has waited for its result', oldest),
    ...gauge('ichor_disk_free_bytes', 'Free bytes where instances are stored', disk),
    '',
  ].join('\n');
}

async function samples(read: () => Promise<Sample[]>): Promise<Sample[]> {
  try {
    return await read();
  } catch {
    return [];
  }
}

function gauge(name: string, help: string, values: readonly Sample[]): string[] {
  if (values.length === 0) return [];
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...values.map((sample) => `${name}${labelsOf(sample)} ${sample.value}`),
  ];
}

function labelsOf({ labels }: Sample): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, '\\$&')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
