/** Small protobuf words that every part of src/envoy says alike. Map keys are given sorted by their callers. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyPack, type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { FractionalPercent_DenominatorType, type FractionalPercentSchema } from "#envoy/envoy/type/v3/percent_pb.js";

/** What a message is made from, as plain data that can be spread. */
export type Init<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, MessageShape<Desc>>;

/** A typed_config. */
export function packed<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return anyPack(schema, create(schema, init));
}

export function duration(ms: number): Duration {
  return create(DurationSchema, { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) });
}

/** @param percent 0 to 100; a ten-thousandth is the smallest share. */
export function fraction(percent: number): Init<typeof FractionalPercentSchema> {
  return { numerator: Math.round(percent * 10_000), denominator: FractionalPercent_DenominatorType.MILLION };
}

export function socketAddress({ address, port }: { readonly address: string; readonly port: number }) {
  const portSpecifier = { case: "portValue", value: port } as const;
  return { address: { case: "socketAddress", value: { address, portSpecifier } } } as const;
}
