// The layout of all pages.
import type { Metadata, Viewport } from "next";
import { connection } from "next/server";
import type { ReactNode } from "react";
import { Header } from "@/components/Header";
import { accountsOn } from "@/lib/auth/config";
import { person } from "@/lib/auth/session";
import { appTitle } from "@/lib/config";
import "./globals.css";

export async function generateMetadata(): Promise<Metadata> {
  // Only at request time: the title comes from the running server, not from the build.
  await connection();
  return { title: appTitle(), description: "Your tasks, in one place." };
}

export const viewport: Viewport = {
  colorScheme: "light dark",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#ffffff" },
    { media: "(prefers-color-scheme: dark)", color: "#1a1d1c" },
  ],
};

export default async function RootLayout({ children }: { children: ReactNode }) {
  await connection();
  // The page itself reports that accounts are unavailable; the header is shown without them.
  const email = (await person().catch(() => null))?.email;
  return (
    <html lang="en" data-accounts={accountsOn() ? "on" : "off"}>
      <body>
        <a href="#main" className="skip-link">
          Skip to content
        </a>
        <Header title={appTitle()} email={email} />
        <main id="main" className="shell py-8 sm:py-12">
          {children}
        </main>
      </body>
    </html>
  );
}
