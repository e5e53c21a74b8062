/** Prometheus metrics (sole importer of prom-client), each declared once. Labels never carry UIDs or patient data. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Ours alone: an import adds nothing to the library's own register. */
const register = new Registry();
const registers = [register];

const associations = new Counter({
  registers,
  name: 'ichor_associations_total',
  help: 'Associations by outcome',
  labelNames: ['outcome'],
});
const openAssociations = new Gauge({ registers, name: 'ichor_open_associations', help: 'Associations open now' });
const instances = new Counter({
  registers,
  name: 'ichor_instances_total',
  help: 'C-STORE requests by outcome',
  labelNames: ['outcome'],
});
const receiveSeconds = new Histogram({
  registers,
  name: 'ichor_receive_seconds',
  help: 'From the last byte of an instance to its C-STORE response',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});
const studies = new Counter({
  registers,
  name: 'ichor_studies_total',
  help: 'Results by state',
  labelNames: ['state'],
});
const triageSeconds = new Histogram({
  registers,
  name: 'ichor_triage_seconds',
  help: 'Time of a triage job by stage',
  labelNames: ['stage'],
  buckets: [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300],
});
const resultSeconds = new Histogram({
  registers,
  name: 'ichor_time_to_result_seconds',
  help: 'From the last instance of a study to its result, flagged or not',
  buckets: [1, 2, 5, 10, 15, 20, 30, 60, 120, 600, 3600],
});
const deliveries = new Counter({
  registers,
  name: 'ichor_deliveries_total',
  help: 'Objects by destination and outcome',
  labelNames: ['destination', 'outcome'],
});
const notifications = new Counter({
  registers,
  name: 'ichor_notifications_total',
  help: 'HL7 messages, webhooks and mail by outcome of an attempt',
  labelNames: ['kind', 'outcome'],
});

export const metrics = {
  association: (outcome: 'accepted' | 'rejected' | 'aborted') => associations.inc({ outcome }),
  openAssociations: (count: number) => openAssociations.set(count),
  instance: (outcome: 'new' | 'identical' | 'conflict' | 'refused' | 'own' | 'ignored') => instances.inc({ outcome }),
  received: (seconds: number) => receiveSeconds.observe(seconds),
  result: (state: string) => studies.inc({ state }),
  triage: (stage: 'analysis' | 'objects' | 'total', seconds: number) => triageSeconds.observe({ stage }, seconds),
  timeToResult: (seconds: number) => resultSeconds.observe(seconds),
  delivery: (destination: string, outcome: 'stored' | 'committed' | 'postponed' | 'dead') =>
    deliveries.inc({ destination, outcome }),
  notification: (kind: string, outcome: 'delivered' | 'postponed' | 'dead') => notifications.inc({ kind, outcome }),
};

/** The exposition format, and its content type. */
export const renderMetrics = async (): Promise<{ text: string; contentType: string }> => ({
  text: await register.metrics(),
  contentType: register.contentType,
});

/** From now on this process measures itself: CPU, memory, event loop, garbage collection. An app calls it when it starts; once is enough. */
export function measureProcess(): void {
  if (register.getSingleMetric('process_cpu_seconds_total') === undefined) collectDefaultMetrics({ register });
}
