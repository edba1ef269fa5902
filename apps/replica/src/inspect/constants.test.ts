import { PRODUCTION, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { constantsReport, constantsText } from "./constants.ts";
import { metricsReport, metricsText } from "./metrics.ts";

describe("constants", () => {
  test("are printed as by the reference", () => {
    const text = constantsText(constantsReport(PRODUCTION));
    for (const part of [
      "VSR:\nprepare_queue                   8\nrequest_queue                   57\n",
      "\n\nwal_headers                     256KiB\n  sector                        4KiB x64\n    header                      256B x16\n\n",
      "\ngrid                            elastic\n  block                         512KiB\n\nStateMachine:\n",
      "Account                         272B table=524160 block=4094\n  object                        128B\n  id ",
      "\n\nAccountEvent                    424B table=262080 block=2047\n",
    ])
      expect(text).toContain(part);
  });

  test("follow from the configuration", () => {
    expect(constantsText(constantsReport(TEST_MIN))).toContain("checkpoint_ops                  20\n");
  });
});

describe("metrics", () => {
  test("are as many as the reference has", () => {
    expect(metricsReport(PRODUCTION).cardinality).toBe(1863);
  });

  test("are printed as by the reference", () => {
    const text = metricsText(metricsReport(PRODUCTION)).split("\n");
    expect(text[0]).toBe("gauge: table_count_visible(tree)=33");
    expect(text).toContain("gauge: replica_messages_in(command)=25");
    expect(text).toContain("timing: replica_request(operation)=104");
    expect(text).toContain("timing: loop_kernel()=4");
  });
});
