; The setup for Windows, for one user and without the rights of an administrator. /S asks nothing: it keeps what the program has
; fetched, and where the program cannot be replaced it ends with code 3. The builder defines VERSION, NUMBER, EXE, OUT, ICON,
; SIDEBAR, HOMEPAGE, KILOBYTES and perhaps SIGN.
Target amd64-unicode
Unicode true
SetCompressor /SOLID lzma
RequestExecutionLevel user
ManifestDPIAware true
ManifestSupportedOS all
Name "Universal P2P"
OutFile "${OUT}"
InstallDir "$LOCALAPPDATA\Programs\Universal P2P"
InstallDirRegKey HKCU "Software\Universal P2P" "Folder"
BrandingText "Universal P2P ${VERSION}"
ShowInstDetails nevershow
ShowUninstDetails nevershow
!ifdef SIGN
!uninstfinalize 'sh "${SIGN}" "%1"' = 0
!endif

!include MUI2.nsh
!include LogicLib.nsh
!include WinVer.nsh

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Universal P2P"
!define RUN "Software\Microsoft\Windows\CurrentVersion\Run"
!define APPROVED "Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
!define MAGNET "Software\Classes\UniversalP2P.magnet"
!define PROGRAM "$INSTDIR\universal-p2p.exe"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${SIDEBAR}"
!define MUI_FINISHPAGE_TEXT "$(Installed)"
!define MUI_FINISHPAGE_RUN "${PROGRAM}"
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES

!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "German"
!insertmacro MUI_LANGUAGE "Spanish"
!insertmacro MUI_LANGUAGE "French"
!insertmacro MUI_LANGUAGE "SimpChinese"
!insertmacro MUI_LANGUAGE "Japanese"

; Nothing is to be seen after the last page; so it says where to look.
LangString Installed ${LANG_ENGLISH} "Universal P2P is installed. It works without a window: its icon is beside the clock, perhaps behind the arrow there. The menu of the icon opens the page of the program."
LangString Installed ${LANG_GERMAN} "Universal P2P ist installiert. Es arbeitet ohne Fenster: Sein Symbol ist neben der Uhr, vielleicht hinter dem Pfeil dort. Das Menü des Symbols öffnet die Seite des Programms."
LangString Installed ${LANG_SPANISH} "Universal P2P está instalado. Funciona sin ventana: su icono está junto al reloj, quizá detrás de la flecha. El menú del icono abre la página del programa."
LangString Installed ${LANG_FRENCH} "Universal P2P est installé. Il fonctionne sans fenêtre : son icône est près de l'horloge, peut-être derrière la flèche. Le menu de l'icône ouvre la page du programme."
LangString Installed ${LANG_SIMPCHINESE} "Universal P2P 已安装。它没有窗口：图标在时钟旁，可能收在箭头后面。通过图标的菜单可以打开程序的页面。"
LangString Installed ${LANG_JAPANESE} "Universal P2P をインストールしました。ウィンドウはありません。アイコンは時計の横、または矢印の中にあります。アイコンのメニューからプログラムのページを開けます。"

LangString Busy ${LANG_ENGLISH} "Universal P2P runs and does not end by itself. Choose Quit in the menu of its icon beside the clock, then try again."
LangString Busy ${LANG_GERMAN} "Universal P2P läuft und beendet sich nicht selbst. Wählen Sie im Menü des Symbols neben der Uhr „Beenden“ und versuchen Sie es noch einmal."
LangString Busy ${LANG_SPANISH} "Universal P2P se está ejecutando y no se cierra por sí solo. Elija Salir en el menú de su icono junto al reloj e inténtelo de nuevo."
LangString Busy ${LANG_FRENCH} "Universal P2P est en cours d'exécution et ne se ferme pas. Choisissez Quitter dans le menu de son icône près de l'horloge, puis réessayez."
LangString Busy ${LANG_SIMPCHINESE} "Universal P2P 正在运行，无法自动退出。请在时钟旁图标的菜单中选择“退出”，然后重试。"
LangString Busy ${LANG_JAPANESE} "Universal P2P が実行中で、自動的に終了しません。時計の横にあるアイコンのメニューから終了して、もう一度お試しください。"

LangString Forget ${LANG_ENGLISH} "Delete what Universal P2P has fetched, its history and its settings as well? With No they are there when you install it again."
LangString Forget ${LANG_GERMAN} "Auch löschen, was Universal P2P geladen hat, den Verlauf und die Einstellungen? Mit Nein sind sie bei einer neuen Installation wieder da."
LangString Forget ${LANG_SPANISH} "¿Eliminar también lo descargado, el historial y la configuración? Con No, seguirán ahí si lo vuelve a instalar."
LangString Forget ${LANG_FRENCH} "Supprimer aussi ce qui a été téléchargé, l'historique et les réglages ? Avec Non, ils seront là si vous le réinstallez."
LangString Forget ${LANG_SIMPCHINESE} "是否同时删除已获取的内容、历史记录和设置？选择“否”，重新安装后仍可使用。"
LangString Forget ${LANG_JAPANESE} "取得した内容、履歴、設定も削除しますか？「いいえ」を選ぶと、再インストール後も残ります。"

LangString Old ${LANG_ENGLISH} "Universal P2P needs Windows 10 or newer, of 64 bits."
LangString Old ${LANG_GERMAN} "Universal P2P braucht Windows 10 oder neuer, mit 64 Bit."
LangString Old ${LANG_SPANISH} "Universal P2P necesita Windows 10 o posterior, de 64 bits."
LangString Old ${LANG_FRENCH} "Universal P2P nécessite Windows 10 ou plus récent, en 64 bits."
LangString Old ${LANG_SIMPCHINESE} "Universal P2P 需要 64 位的 Windows 10 或更高版本。"
LangString Old ${LANG_JAPANESE} "Universal P2P には 64 ビットの Windows 10 以降が必要です。"

VIProductVersion "${NUMBER}"
VIAddVersionKey /LANG=${LANG_ENGLISH} ProductName "Universal P2P"
VIAddVersionKey /LANG=${LANG_ENGLISH} ProductVersion "${VERSION}"
VIAddVersionKey /LANG=${LANG_ENGLISH} FileVersion "${VERSION}"
VIAddVersionKey /LANG=${LANG_ENGLISH} FileDescription "Setup of Universal P2P"
VIAddVersionKey /LANG=${LANG_ENGLISH} CompanyName "The Universal P2P authors"
VIAddVersionKey /LANG=${LANG_ENGLISH} LegalCopyright "MIT licence"

Var Running ; 1 when a copy was told to end

; Free: the program's file can be written, since nobody runs it (1), or not (0), on the stack.
!macro FREE un
Function ${un}Free
  ClearErrors
  FileOpen $0 "${PROGRAM}" a
  ${If} ${Errors}
    Push 0
  ${Else}
    FileClose $0
    Push 1
  ${EndIf}
FunctionEnd

; End: what runs from this folder is asked to end, and waited for.
Function ${un}End
  StrCpy $Running 0
  ${IfNot} ${FileExists} "${PROGRAM}"
    Return
  ${EndIf}
  Call ${un}Free
  Pop $0
  ${If} $0 = 1
    Return
  ${EndIf}
  StrCpy $Running 1
again:
  nsExec::Exec /TIMEOUT=30000 '"${PROGRAM}" quit'
  Pop $0 ; what counts is whether the file is free
  StrCpy $1 0
  ${Do}
    Call ${un}Free
    Pop $0
    ${If} $0 = 1
      Return
    ${EndIf}
    Sleep 250
    IntOp $1 $1 + 1
  ${LoopUntil} $1 > 40
  MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(Busy)" /SD IDCANCEL IDRETRY again
  SetErrorLevel 3
  Quit
FunctionEnd
!macroend
!insertmacro FREE ""
!insertmacro FREE "un."

Function .onInit
  ${IfNot} ${AtLeastWin10}
    MessageBox MB_OK|MB_ICONSTOP "$(Old)" /SD IDOK
    SetErrorLevel 4
    Quit
  ${EndIf}
FunctionEnd

Section
  SetShellVarContext current
  SetRegView 64
  Call End
  ReadRegStr $2 HKCU "${UNINSTALL}" "DisplayVersion" ; empty at the first installation
  SetOutPath "$INSTDIR"
  File "/oname=universal-p2p.exe" "${EXE}"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  ; Where the program works, from here and from the menu, and so do the browsers that it opens. None may hold the folder that has to go.
  SetOutPath "$PROFILE"
  CreateShortCut "$SMPROGRAMS\Universal P2P.lnk" "${PROGRAM}"

  ; At an upgrade, who has switched the start at login off keeps it off.
  ReadRegStr $3 HKCU "${RUN}" "universal-p2p"
  ${If} $2 == ""
  ${OrIf} $3 != ""
    WriteRegStr HKCU "${RUN}" "universal-p2p" '"${PROGRAM}" run --autostart'
  ${EndIf}

  ; It can be chosen for magnet links in the settings of Windows, and takes them from nobody.
  WriteRegStr HKCU "${MAGNET}" "" "Magnet link"
  WriteRegStr HKCU "${MAGNET}" "URL Protocol" ""
  WriteRegStr HKCU "${MAGNET}\DefaultIcon" "" "${PROGRAM},0"
  WriteRegStr HKCU "${MAGNET}\shell\open\command" "" '"${PROGRAM}" open -- "%1"'
  WriteRegStr HKCU "Software\Universal P2P" "Folder" "$INSTDIR"
  WriteRegStr HKCU "Software\Universal P2P\Capabilities" "ApplicationName" "Universal P2P"
  WriteRegStr HKCU "Software\Universal P2P\Capabilities" "ApplicationDescription" "Plays magnet links in the browser"
  WriteRegStr HKCU "Software\Universal P2P\Capabilities\URLAssociations" "magnet" "UniversalP2P.magnet"
  WriteRegStr HKCU "Software\RegisteredApplications" "Universal P2P" "Software\Universal P2P\Capabilities"

  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Universal P2P"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "${PROGRAM},0"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The Universal P2P authors"
  WriteRegStr HKCU "${UNINSTALL}" "URLInfoAbout" "${HOMEPAGE}"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" ${KILOBYTES}
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1

  ; A silent upgrade leaves things as they were; else the last page has a box for it.
  ${If} ${Silent}
  ${AndIf} $Running = 1
    Exec '"${PROGRAM}" run --autostart'
  ${EndIf}
SectionEnd

Section Uninstall
  SetShellVarContext current
  SetRegView 64
  Call un.End
  Delete "$SMPROGRAMS\Universal P2P.lnk"
  Delete "${PROGRAM}"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  DeleteRegValue HKCU "${RUN}" "universal-p2p"
  DeleteRegValue HKCU "${APPROVED}" "universal-p2p"
  DeleteRegKey HKCU "${MAGNET}"
  DeleteRegKey HKCU "Software\Universal P2P"
  DeleteRegValue HKCU "Software\RegisteredApplications" "Universal P2P"
  DeleteRegKey HKCU "${UNINSTALL}"
  MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 "$(Forget)" /SD IDNO IDNO keep
  RMDir /r "$LOCALAPPDATA\universal-p2p"
  RMDir /r "$APPDATA\universal-p2p"
keep:
SectionEnd
