// For tests that render: import it in a file that opens with "@vitest-environment jsdom"; each test starts from an empty page.
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

afterEach(cleanup);
