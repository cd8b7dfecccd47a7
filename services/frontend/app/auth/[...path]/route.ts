// Serves everything below /auth: accounts, sessions and API tokens.
import { handle } from "@/lib/auth/handle";

export const dynamic = "force-dynamic";

export { handle as GET, handle as POST };
