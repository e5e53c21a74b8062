/** Sole importer of dcmjs-dimse's client. */
import dimse from 'dcmjs-dimse';

export const { Client, Dataset, association, requests, responses } = dimse;
export type Client = InstanceType<typeof Client>;
export type Request = Parameters<Client['addRequest']>[0];
export type AcceptedAssociation = InstanceType<typeof association.Association>;
export type EventReport = InstanceType<typeof requests.NEventReportRequest>;
